"""One session as a pure state machine: records change the state, facts make records."""
