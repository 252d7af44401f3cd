"""Bytes <-> frames: the framing below a dialect. Pure and incremental."""
