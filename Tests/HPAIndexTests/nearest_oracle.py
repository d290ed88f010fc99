"""Exact neighbours by NumPy and math.fsum: nearest_oracle.py FOLDER K TOP reads q.npy g.npy q.csv g.csv, writes k.csv and top.csv."""
import math, sys
import numpy as np

folder, k, top = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
q, g = (np.load(f"{folder}/{name}.npy").astype("f8") for name in "qg")
q_ids, g_ids = ([line.strip().encode() for line in open(f"{folder}/{name}.csv")][1:] for name in "qg")
lengths = [[math.sqrt(math.fsum(row * row)) for row in matrix] for matrix in (q, g)]
coarse = (q / np.linalg.norm(q, axis=1)[:, None]) @ (g / np.linalg.norm(g, axis=1)[:, None]).T

best = []
with open(f"{folder}/k.csv", "w") as file:
    file.write("query,gallery,score,rank\n")
    for i, row in enumerate(coarse):
        near = np.flatnonzero(row >= np.partition(row, len(row) - k)[len(row) - k] - 1e-6)
        scored = [(-np.float32(math.fsum(q[i] * g[j]) / (lengths[0][i] * lengths[1][j])), g_ids[j]) for j in near]
        for rank, (score, other) in enumerate(sorted(scored)[:k], 1):
            file.write(f"{q_ids[i].decode()},{other.decode()},{-score},{rank}\n")
            if rank == 1: best.append((score, q_ids[i], other))
with open(f"{folder}/top.csv", "w") as file:
    file.write("query,gallery,score,rank\n")
    for rank, (score, query, other) in enumerate(sorted(best)[:top], 1):
        file.write(f"{query.decode()},{other.decode()},{-score},{rank}\n")
