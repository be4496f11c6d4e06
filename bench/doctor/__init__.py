"""``make doctor-test``: faults in an account, and what ``likeness doctor`` says about them."""
