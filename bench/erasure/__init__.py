"""`make erase-test`: what was asked to be forgotten is gone from every store, whatever crashes."""
