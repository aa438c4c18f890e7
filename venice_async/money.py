"""How much money jobs hold."""
