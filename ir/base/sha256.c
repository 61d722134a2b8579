/* SHA-256 by libmd. */
#include "files.h"

#include <sha2.h>

void sha256(const void *p, size_t n, uint8_t out[32])
{
    SHA2_CTX c;
    SHA256Init(&c);
    SHA256Update(&c, p, n);
    SHA256Final(out, &c);
}

void sha256_hex(const uint8_t in[32], char out[65])
{
    static const char digit[] = "0123456789abcdef";
    for (int i = 0; i < 32; i++) {
        out[2 * i] = digit[in[i] >> 4];
        out[2 * i + 1] = digit[in[i] & 15];
    }
    out[64] = 0;
}
