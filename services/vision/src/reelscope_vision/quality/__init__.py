"""How good a picture is: classical measures without a reference, and one score of them."""
