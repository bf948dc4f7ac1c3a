/**
 * Resolves at the first SIGINT or SIGTERM, or when the process that started this one over a channel is gone; a second
 * signal ends the process at once.
 */
export function stopSignal(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve());
  // Listening keeps the channel, and with it the process, alive: from the stop on it must not.
  if (process.connected) process.once("disconnect", resolve);
  return promise.finally(() => {
    // Its own end of the channel is not the parent's: the launcher would take it for one and ask to stop once more.
    process.removeAllListeners("disconnect");
    if (process.connected) process.disconnect();
  });
}
