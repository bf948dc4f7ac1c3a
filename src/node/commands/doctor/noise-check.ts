import { noiseSigma } from "../../../crypto/embedding-noise.ts";
import { gaussianEpsilon, gaussianSigma } from "../../../crypto/gaussian-privacy.ts";
import { USE_LITE_PROFILE } from "../../embedding/use-lite.ts";
import { noiseVariable } from "../../miner/noise-variable.ts";
import { broken, type Finding, ok, warning } from "./check.ts";

const DELTA = 1e-5;
/** Two unit vectors lie at most so far apart: nothing else about a record's text limits how it changes its vector. */
const SENSITIVITY = 2;
const RELEASES = 10;

/**
 * What the noise that `DP_EPSILON` stands for truly comes to, by the analytic Gaussian mechanism (M-W23). The number in
 * the variable is the reference's and no epsilon of anything.
 */
export function checkNoise(stated: string | undefined): Finding {
  const name = "noise";
  const parsed = noiseVariable.safeParse(stated);
  if (!parsed.success) return broken(name, "DP_EPSILON is no number from 0 to 1000", "Set it to 0, or remove it.");
  if (parsed.data === undefined) {
    return ok(name, "DP_EPSILON is off; private vectors of our clients are sealed and say nothing about their texts");
  }
  const { dim } = USE_LITE_PROFILE;
  const sigma = noiseSigma(parsed.data, dim);
  const once = gaussianEpsilon(DELTA, { sigma, sensitivity: SENSITIVITY });
  const often = gaussianEpsilon(DELTA, { sigma, sensitivity: SENSITIVITY, releases: RELEASES });
  const needed = gaussianSigma(parsed.data, DELTA, SENSITIVITY);
  return warning(
    name,
    [
      `DP_EPSILON=${parsed.data} is obfuscation, not differential privacy: sigma ${sigma.toPrecision(3)} in ${dim} dimensions`,
      `is truly epsilon ${rounded(once)} at delta ${DELTA} (sensitivity ${SENSITIVITY}: unit vectors; one vector of one record;`,
      `answering queries adds nothing), and ${rounded(often)} after ${RELEASES} edited versions;`,
      `epsilon ${parsed.data} would take sigma ${needed.toPrecision(3)}, in which no search finds anything`,
    ].join(" "),
    "Promise nobody privacy by it: let clients seal their vectors, which is their default.",
  );
}

function rounded(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString("en-US") : value.toPrecision(3);
}
