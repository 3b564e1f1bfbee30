"""Learning curves side by side.

usage: curve.py DATA NAME=ROWS...

ROWS: minutes, steps, tokens, training loss and validation loss in columns, as run.py
prints them. Prints a table with the validation loss in nats a token and bits a note."""
import sys

import data


def main():
    folder = sys.argv[1]
    bits = data.bits_per_note(folder, data.Split(folder, "valid"))
    print("model\tminutes\tsteps\ttokens\ttrain_loss\tvalid_loss\tbits_per_note")
    for given in sys.argv[2:]:
        name, path = given.split("=", 1)
        with open(path, encoding="utf-8") as f:
            for line in f:
                row = line.split()
                print(name, *row, f"{float(row[4]) * bits:.3f}", sep="\t")


main()
