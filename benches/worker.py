"""One framework in one process: answers requests on its standard input. The comparison starts it, not people.

python benches/worker.py FRAMEWORK THREADS

A request is a line of JSON, `{"do": ..., "workload": ...}`, and so is its answer; an answer with `error` or
`not_offered` says why there is no measurement.
"""

import json
import os
import sys
from typing import Any

from comparison import adapters, memory, timing, workloads
from comparison.adapters.adapter import Adapter, NotOfferedError


def answer(adapter: Adapter, request: dict[str, Any]) -> dict[str, Any]:
    """What a request asks for."""
    if request["do"] == "memory":
        return {"resident": memory.resident(), "peak": memory.peak()}
    workload = workloads.find(request["workload"])
    if request["do"] == "digest":
        return {"digest": adapter.digest(workload)}
    prepared = adapter.prepare(workload)
    if request["do"] == "first":
        before = memory.resident()
        cold = timing.first_call(prepared)
        grown = max(0.0, memory.resident() - before)
        allocation = {"grown": grown, "page_cost": memory.page_cost()}
        return {"cold": cold["ms"], **allocation, **timing.sample(prepared, request["seconds"])}
    if request["do"] == "soak":
        return soak(prepared, request["steps"])
    return timing.first_call(prepared) if workload.cold else timing.sample(prepared, request["seconds"])


def soak(prepared: Any, steps: int) -> dict[str, Any]:
    """Memory before and after so many steps; a tenth of them come before, so that every cache is full."""
    for _ in range(max(1, steps // 10 // prepared.units)):
        prepared.call()
    before = memory.resident()
    done = 0
    while done < steps:
        prepared.call()
        done += prepared.units
    return {"steps": done, "grown": memory.resident() - before}


def main() -> None:
    """Says what is here, then answers until the input ends."""
    framework, threads = sys.argv[1], int(sys.argv[2])
    # Frameworks print: what they say goes to standard error, answers alone to standard output.
    replies = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    try:
        adapter = adapters.load(framework, threads)
        offered = [workload.name for workload in workloads.WORKLOADS if adapter.offers(workload)]
        ready = {"versions": adapter.versions(), "offered": offered, "python": sys.version.split()[0]}
    except ImportError as error:
        print(json.dumps({"missing": str(error)}), file=replies)
        return
    print(json.dumps(ready), file=replies)
    for line in sys.stdin:
        try:
            reply = answer(adapter, json.loads(line))
        except NotOfferedError as reason:
            reply = {"not_offered": str(reason)}
        except Exception as error:  # whatever a framework raises is the result of this workload
            reply = {"error": f"{type(error).__name__}: {error}"[:500]}
        print(json.dumps(reply), file=replies)


if __name__ == "__main__":
    main()
