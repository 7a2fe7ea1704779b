// What a person can do with a run, from the list and from its own page.

export function runActions(context) {
  const { api, act, confirm, ask, toast, navigate } = context;
  const address = (run) => `/v1/runs/${run.id}`;

  return {
    start: (run) => act(() => api.send("POST", `${address(run)}/start`)),
    stop: (run) => act(async () => {
      await api.send("POST", `${address(run)}/stop`);
      toast("Asked to stop. It writes a checkpoint first.");
    }),
    duplicate: (run) => navigate(`#/new?from=${run.id}`),
    async rename(run) {
      const name = await ask({ heading: "Rename the run", label: "Name", value: run.name });
      if (name && name !== run.name) act(() => api.send("PATCH", address(run), { name }));
    },
    async note(run) {
      const notes = await ask({
        heading: `Notes on “${run.name}”`, label: "Notes", value: run.metadata.notes ?? "", isLong: true, most: 512,
      });
      if (notes === null || notes === (run.metadata.notes ?? "")) return;
      const { notes: _, ...others } = run.metadata;
      act(() => api.send("PATCH", address(run), { metadata: notes ? { ...others, notes } : others }));
    },
    // Returns whether all are gone. `doing` is the context's `remove` on the page of a run.
    async remove(runs, doing = act) {
      const [first] = runs;
      const isSure = await confirm({
        heading: runs.length === 1 ? `Delete “${first.name}”?` : `Delete ${runs.length} runs?`,
        text: "Checkpoints and curves are removed from the disk.",
      });
      if (!isSure) return false;
      return (await doing(async () => {
        for (const run of runs) await api.send("DELETE", address(run));
        return true;
      })) === true;
    },
  };
}
