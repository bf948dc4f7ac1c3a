import type { v0_3 } from "@anthropic-ai/mcpb";
import pkg from "../../package.json" with { type: "json" };

type Manifest = ReturnType<typeof v0_3.McpbManifestSchema.parse>;

/** Where the package lies in the bundle: as npm would put it, beside what it depends on. */
const ENTRY = "node_modules/engram-mcp/bin/engram.js";

/** What a client that takes MCP bundles shows, asks for and starts. An answer left empty is as good as none. */
export const bundleManifest: Manifest = {
  manifest_version: "0.3",
  name: "engram",
  display_name: "Engram memory",
  version: pkg.version,
  description: pkg.description,
  author: { name: "The Engram authors" },
  license: pkg.license,
  keywords: ["memory", "recall", "private", "local-first"],
  server: {
    type: "node",
    entry_point: ENTRY,
    mcp_config: {
      command: "node",
      args: [`\${__dirname}/${ENTRY}`, "mcp"],
      env: {
        ENGRAM_HOME: answer("home"),
        ENGRAM_MINERS: answer("miners"),
        ENGRAM_CONSENT: answer("consent"),
        ENGRAM_GATEWAY_TOKEN: answer("gateway_token"),
      },
    },
  },
  // The tools depend on the settings, and change with the version.
  tools_generated: true,
  prompts_generated: true,
  compatibility: { platforms: ["darwin", "linux", "win32"], runtimes: { node: pkg.engines.node } },
  user_config: {
    home: {
      type: "directory",
      title: "Data folder",
      description: "Where memories are kept; left empty, the platform's own data directory.",
      required: false,
      default: "",
    },
    miners: {
      type: "string",
      title: "Miners",
      description:
        "Who keeps encrypted copies: hotkey@http://host:port, separated by commas. Empty: this machine alone.",
      required: false,
      default: "",
    },
    consent: {
      type: "string",
      title: "Standing rules",
      description: "For acts that need a person, such as delete=ask,public=deny. Empty: you are asked.",
      required: false,
      default: "",
    },
    gateway_token: {
      type: "string",
      title: "Gateway token",
      description: "Only where the gateway that you read from gave you one.",
      required: false,
      sensitive: true,
      default: "",
    },
  },
};

/** Stands for what the person answered. */
function answer(name: string): string {
  return `\${user_config.${name}}`;
}
