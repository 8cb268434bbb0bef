// The module is headers only; SwiftPM asks a C target for one source file, which also shows that
// every header compiles by itself.
#include "scan.h"
#include "hash.h"
#include "crc32c.h"
#include "columns.h"
#include "system.h"
