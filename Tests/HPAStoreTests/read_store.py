"""Reads one view of a feature store: python read_store.py features.lmdb VIEW"""
import json, sys, zlib
import lmdb, numpy as np

store, view = sys.argv[1], sys.argv[2].encode()
with lmdb.open(store, readonly=True, max_dbs=2) as env:
    views, vectors = (env.open_db(name, create=False) for name in (b"views", b"view:" + view))
    with env.begin() as transaction:
        header = json.loads(transaction.get(view, db=views))
        records = list(transaction.cursor(vectors))
for key, record in records:
    assert zlib.crc32(key + record[:-4]) == int.from_bytes(record[-4:], "little"), key
ids = [key.decode() for key, _ in records]
features = np.array([np.frombuffer(record[:-4], "<f4") for _, record in records])
print(header["name"], header["state"], features.shape)
