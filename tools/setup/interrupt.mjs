const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 };

/**
 * Runs `work` with a function that takes steps to put things right afterwards, be it after the end or after a Ctrl-C.
 * Steps run last first and may be async.
 */
export async function puttingRight(work) {
  const steps = [];
  const putRight = async () => {
    for (let step = steps.pop(); step !== undefined; step = steps.pop()) await step();
  };
  let interrupted;
  const onSignal = (signal) => {
    interrupted ??= putRight().finally(() => process.exit(128 + SIGNALS[signal]));
  };
  for (const signal of Object.keys(SIGNALS)) process.on(signal, onSignal);
  try {
    const result = await work((step) => steps.push(step));
    await interrupted; // never returns
    return result;
  } finally {
    await (interrupted ?? putRight());
    for (const signal of Object.keys(SIGNALS)) process.off(signal, onSignal);
  }
}
