"""``python -m benchmarks``: the benchmark of the whole workflow, then that of Step Functions."""

from benchmarks import states, workflow

if __name__ == "__main__":
    workflow.main()
    states.main()
