// What the build alone knows.
#pragma once

// The commit of the sources; empty where the build did not know it.
const char *byol_build_commit(void);
