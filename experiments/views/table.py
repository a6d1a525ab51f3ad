"""The table of experiments/views/experiment: mean and standard deviation over the seeds."""
import json, pathlib, statistics, sys

work = pathlib.Path(sys.argv[1])


def spread(values):
    return f"{statistics.mean(values):.3f} ± {statistics.stdev(values):.3f}"


print("| views | last loss | masked accuracy | k-NN of [CLS] | k-NN of mean of patches |\n|---|---|---|---|---|")
for views in (1, 2, 8, 32, 50):
    columns = {"loss": [], "masked_accuracy": [], "cls": [], "mean": []}
    for seed in (0, 1, 2):
        run = work / f"{views}-{seed}"
        steps = [json.loads(line) for line in (run / "pretrain/metrics.jsonl").read_text().splitlines()]
        last = steps[-len(steps) // 10 :]
        for metric in ("loss", "masked_accuracy"):
            columns[metric].append(statistics.mean(step[metric] for step in last))
        evaluation = json.loads((run / "evaluation/evaluation.json").read_text())
        for metric in ("cls", "mean"):
            columns[metric].append(evaluation[metric])
    name = "one for each epoch" if views == 50 else views
    print(f"| {name} | " + " | ".join(spread(values) for values in columns.values()) + " |")
