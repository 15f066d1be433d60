"""``python -m benchmarks``: the benchmark of the whole workflow."""

from benchmarks.workflow import main

if __name__ == "__main__":
    main()
