"""Group a release's pairs in Polars, media unread: `python with_polars.py RELEASE`."""

import sys

import polars as pl

scores = pl.scan_parquet(f"{sys.argv[1]}/scores/*.parquet").select("pair_id", "score")
words = pl.scan_parquet(f"{sys.argv[1]}/data/*.parquet").select("pair_id", "art_licence", "music_licence")
found = scores.join(words, on="pair_id").group_by("art_licence", "music_licence")
for row in found.agg(pl.len(), pl.col("score").mean()).sort("len", descending=True).collect().rows():
    print(*row)
