import pkg from "../../package.json" with { type: "json" };

const mark =
  "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'><path fill='none' stroke='#666' stroke-width='2' d='M13 3H4v10h9M4 8h7'/><circle cx='13' cy='8' r='2' fill='#0a7'/></svg>";

/** Who this server is, as clients show it. */
export const identity = {
  name: "engram",
  title: "Engram memory",
  version: pkg.version,
  description: pkg.description,
  icons: [{ src: `data:image/svg+xml,${encodeURIComponent(mark)}`, mimeType: "image/svg+xml", sizes: ["any"] }],
};
