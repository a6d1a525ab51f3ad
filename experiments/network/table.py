"""Prints results.tsv of the experiment as a table: seconds, and how many times the local disk's they are."""

import sys

places, commands, seconds, requests = [], [], {}, {}
for line in open(sys.argv[1], encoding="utf-8"):
    place, command, took, asked = line.rstrip("\n").split("\t")
    places += [place] if place not in places else []
    commands += [command] if command not in commands else []
    seconds[place, command] = float(took)
    requests[command] = max(requests.get(command, 0), int(asked))

print("| | " + " | ".join(places) + " | requests |")
print("|---" * (len(places) + 2) + "|")
for command in commands:
    local = seconds[places[0], command]
    cells = [f"{local:.1f} s"] + [f"{seconds[place, command] / local:.2f} ×" for place in places[1:]]
    print(f"| {command} | " + " | ".join(cells) + f" | {requests[command]} |")
