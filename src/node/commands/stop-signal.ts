/**
 * Resolves at the first SIGINT or SIGTERM, or when the process that started this one over a channel is gone; a second
 * signal ends the process at once. Waiting for it keeps no process alive that has nothing else to do.
 */
export function stopSignal(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve());
  if (process.connected) {
    process.once("disconnect", resolve);
    // Listening holds the channel: who fails to start would never end.
    process.channel?.unref();
  }
  return promise.finally(() => {
    // Its own end of the channel is not the parent's: the launcher would take it for one and ask to stop once more.
    process.removeAllListeners("disconnect");
    if (process.connected) process.disconnect();
  });
}
