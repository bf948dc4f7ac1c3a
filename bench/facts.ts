const PEOPLE = ["Ana", "Bo", "Chen", "Dara", "Eli", "Fay", "Gus", "Hana", "Ivo", "Jun"];
const THINGS = ["bicycle", "violin", "tent", "kettle", "map", "lamp", "camera", "drill", "boat", "clock", "garden"];
const ACTS = ["bought", "repaired", "lent out", "lost", "painted", "sold", "found", "cleaned", "ordered"];
const PLACES = ["in Bern", "at the lake", "near the station", "in the cellar", "on Monday", "before lunch", "in May"];

/** The `index`-th of any number of different short memories, the same in every run. */
export function fact(index: number): string {
  const pick = (list: readonly string[], step: number) => list[Math.floor(index / step) % list.length];
  return `${pick(PEOPLE, 1)} ${pick(ACTS, 10)} a ${pick(THINGS, 90)} ${pick(PLACES, 990)}, note ${index}`;
}
