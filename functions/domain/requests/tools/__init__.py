"""Other tools' files: which tool wrote one, and what its settings mean here; ../kohya is apart."""
