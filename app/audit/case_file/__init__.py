"""The case file: one case's evidence as a PDF for people."""
