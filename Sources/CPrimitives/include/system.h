#ifndef CPRIMITIVES_SYSTEM_H
#define CPRIMITIVES_SYSTEM_H
#include <stdint.h>
#endif
