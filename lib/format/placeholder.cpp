// Keeps the module's target valid until its first source stands here.
