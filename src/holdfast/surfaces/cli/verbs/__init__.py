"""One module per verb or small family; each is imported when its verb is used."""
