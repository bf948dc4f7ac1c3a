/** English words that carry no content of their own; they are neither indexed nor asked for. */
export const STOP_WORDS: ReadonlySet<string> = words(`
  a an the and or but if then else of at by for with about against between into through during before after above
  below to from up down in out on off over under again further once here there all any both each few more most other
  some such no nor not only own same so than too very can will just should now i me my we us our you your he him his
  she her it its they them their what which who whom this that these those am is are was were be been being have has
  had having do does did doing would could ought s t don ll re ve m d`);

/** Words that say what is asked for, not what about; dropped from questions beside the stop words. */
export const QUESTION_WORDS: ReadonlySet<string> = words("when where why how");

/** A text that names a moment, as an answer to "when" does. */
export const TIME_WORDS: ReadonlySet<string> = words(`
  yesterday today tomorrow tonight ago last next week weeks month months year years weekend day days morning monday
  tuesday wednesday thursday friday saturday sunday january february march april may june july august september
  october november december soon recently since summer winter spring fall autumn`);

/** Names a speaker may have that are ordinary words in a question. */
export const ROLE_WORDS: ReadonlySet<string> = words("user assistant system human agent bot ai note me i you we");

export function words(list: string): ReadonlySet<string> {
  return new Set(list.trim().split(/\s+/));
}
