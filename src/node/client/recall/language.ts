import { words } from "./stop-words.ts";

/** English function words; those that are words of a neighbouring language too ("in", "die", "was", "no") are left out. */
const ENGLISH = words(`
  the of and to is are were have has had it he she they you your my our their this that these those with for from what
  when where which who why how did does would could should been not but just about there been will i'm it's don't`);

/** Function words of the common languages of Latin script, none of them an English word. */
const OTHER = words(`
  der das den dem des ein eine einen einem einer und oder nicht ist sind hat haben hatte mit für auf von zu zum zur im
  ich du er sie wir ihr mein meine dein unser wo wann wie warum wer welche welcher auch noch nur sehr heute gestern
  le la les une des du et ou est sont avec pour dans sur pas que qui quoi où quand comment pourquoi mon ma mes nous vous
  il elle ils je très aujourd'hui hier
  el los las un una y es son con por para en del al que qué quién dónde cuándo cómo mi mis su sus muy también hoy ayer
  lo gli della delle di che chi dove quando perché con sono è mio mia molto anche oggi ieri
  o os uma e é são com não você meu minha onde muito também hoje ontem
  het een van op voor niet ik jij wij hij zijn heeft waar wanneer waarom ook vandaag
  nie jest na do się jak gdzie kiedy dlaczego och att är inte jag med det som var när
  ve bir bu için nerede değil`);

const LETTER = /\p{L}/gu;
const LATIN = /\p{Script=Latin}/gu;

/**
 * Whether the built-in model, which was taught English, has little to say about `text`: most letters are of another
 * script, or its function words are another language's. A text that shows no sign counts as English, because names and
 * bare nouns do no harm there: they are found by their words all the same.
 */
export function isForeign(text: string): boolean {
  const letters = text.match(LETTER)?.length ?? 0;
  if (letters === 0) return false;
  const latin = text.match(LATIN)?.length ?? 0;
  if (latin < letters * 0.7) return true;
  let english = 0;
  let other = 0;
  for (const word of text.toLowerCase().match(/[\p{L}]+(?:['’]\p{L}+)?/gu) ?? []) {
    if (ENGLISH.has(word)) english++;
    else if (OTHER.has(word)) other++;
  }
  const marked = /[ßäöüåæøœçñãõłżźćęąšžčřěğışéèêàâîôûáíóú]/iu.test(text) ? 1 : 0;
  return other > 0 && other + marked > english + 1;
}
