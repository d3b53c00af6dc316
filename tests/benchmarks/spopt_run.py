"""Run by a Python 3.12 with spopt 0.8, which knows nothing of this product.

python tests/benchmarks/spopt_run.py INSTANCE.npz RESULT.json SOLVER GAP SECONDS
"""

import json
import sys
import time
from importlib.metadata import version


def main(instance, result, solver, gap, seconds):
    """Solve the capacitated p-median with spopt and write what was measured."""
    clock = time.monotonic()
    import numpy as np
    import pulp
    from spopt.locate import PMedian

    data = np.load(instance)
    imported = time.monotonic() - clock
    model = PMedian.from_cost_matrix(
        data["distance"],
        data["weight"],
        p_facilities=int(data["p"]),
        facility_capacities=data["capacity"],
    )
    built = time.monotonic() - clock - imported
    solvers = {"cbc": pulp.PULP_CBC_CMD, "highs": pulp.HiGHS}
    chosen = solvers[solver](msg=False, gapRel=float(gap), timeLimit=float(seconds), threads=2)
    status, objective = "optimal", None
    try:
        model = model.solve(chosen)
    except RuntimeError as error:
        status = str(error)
    if model.problem.objective is not None and model.problem.objective.value() is not None:
        objective = float(model.problem.objective.value())
    solved = time.monotonic() - clock - imported - built
    if status == "optimal" and solved >= float(seconds):
        status = "time limit"
    split = {"imports": imported, "building": built, "solver": solved}
    problem = model.problem
    found = {
        "objective": objective,
        "status": status,
        "split": split,
        "columns": problem.numVariables(),
        "rows": problem.numConstraints(),
        "nonzeros": sum(len(c) for c in problem.constraints.values()),
        "binaries": sum(1 for v in problem.variables() if v.cat == "Integer"),
        "versions": {name: version(name) for name in ("spopt", "pulp")}
        | {"python": sys.version.split()[0]},
    }
    with open(result, "w", encoding="utf-8") as file:
        json.dump(found, file)


if __name__ == "__main__":
    main(*sys.argv[1:])
