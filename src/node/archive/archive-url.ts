/** Where a gateway shows a transaction's bytes to everybody. */
export function archiveUrl(gateway: string, transactionId: string): string {
  return new URL(transactionId, gateway.endsWith("/") ? gateway : `${gateway}/`).href;
}
