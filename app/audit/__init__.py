"""Proof that the log is whole: verification, evidence, anchors."""
