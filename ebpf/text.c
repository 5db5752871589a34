// SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause
#include <stdlib.h>
#include <string.h>
#include "text.h"

int text_open(struct text *t)
{
	t->data = malloc(TEXT_MAX);
	t->len = 0;
	return t->data ? 0 : -1;
}

bool text_has_room(const struct text *t)
{
	return TEXT_MAX - t->len >= LINE_MAX_BYTES;
}

void put(struct text *t, const char *s)
{
	size_t n = strlen(s);

	memcpy(t->data + t->len, s, n);
	t->len += n;
}

void put_u64(struct text *t, unsigned long long n)
{
	char digits[20];
	int i = sizeof(digits);

	do
		digits[--i] = '0' + n % 10;
	while (n /= 10);
	memcpy(t->data + t->len, digits + i, sizeof(digits) - i);
	t->len += sizeof(digits) - i;
}

void put_hex(struct text *t, const void *bytes, size_t n)
{
	static const char digit[] = "0123456789abcdef";
	const unsigned char *p = bytes;
	char *to = t->data + t->len;
	size_t i;

	for (i = 0; i < n; i++) {
		*to++ = digit[p[i] >> 4];
		*to++ = digit[p[i] & 15];
	}
	t->len += 2 * n;
}

static void put_key(struct text *t, const char *key)
{
	put(t, ",\"");
	put(t, key);
	put(t, "\":");
}

void put_num(struct text *t, const char *key, unsigned long long n)
{
	put_key(t, key);
	put_u64(t, n);
}

void put_int(struct text *t, const char *key, long long n)
{
	put_key(t, key);
	if (n < 0)
		put(t, "-");
	put_u64(t, n < 0 ? -(unsigned long long)n : (unsigned long long)n);
}

void put_big(struct text *t, const char *key, unsigned long long n)
{
	put_key(t, key);
	put(t, "\"");
	put_u64(t, n);
	put(t, "\"");
}

void put_bytes(struct text *t, const char *key, const void *bytes, size_t n)
{
	put_key(t, key);
	put(t, "\"");
	put_hex(t, bytes, n);
	put(t, "\"");
}

void put_name(struct text *t, const char *key, const char *word)
{
	put_key(t, key);
	put(t, "\"");
	put(t, word);
	put(t, "\"");
}
