#ifndef CDIGEST_H
#define CDIGEST_H

#include <stddef.h>
#include <stdint.h>

/// Takes whole blocks of 64 bytes into the state of a SHA-256 (FIPS 180-4), with the processor's own
/// instructions where it has them.
void byol_sha256_blocks(uint32_t state[8], const uint8_t *blocks, size_t block_count);

/// The same in plain C: the definition that the other must agree with.
void byol_sha256_blocks_plain(uint32_t state[8], const uint8_t *blocks, size_t block_count);

#endif
