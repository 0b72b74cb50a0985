"""Ask a release in SQL, media unread: `python with_duckdb.py RELEASE`."""

import sys

import duckdb

release = duckdb.connect()
release.execute("SET VARIABLE release = ?", [sys.argv[1]])
found = release.execute(
    """
    SELECT pair_id, score, art_title, music_title, caption.art_mood
    FROM read_parquet(getvariable('release') || '/data/train-*.parquet')
    JOIN read_parquet(getvariable('release') || '/captions/train-*.parquet') AS caption USING (pair_id)
    ORDER BY score DESC
    """
)
for row in found.fetchall():
    print(*row)
