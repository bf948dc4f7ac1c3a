export function stem(word: string): string {
  return word;
}
