#ifndef CPRIMITIVES_CRC32C_H
#define CPRIMITIVES_CRC32C_H
#include <stddef.h>
#include <stdint.h>
#endif
