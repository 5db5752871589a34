/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* A buffer of whole NDJSON lines. Callers see to it that a line has room. */
#ifndef TEXT_H
#define TEXT_H

#include <stdbool.h>
#include <stddef.h>

#define LINE_MAX_BYTES	131072
#define TEXT_MAX	(1 << 20)

struct text {
	char *data;
	size_t len;
};

int text_open(struct text *t);
bool text_has_room(const struct text *t);	/* for one more line */
void put(struct text *t, const char *s);
void put_u64(struct text *t, unsigned long long n);
void put_hex(struct text *t, const void *bytes, size_t n);

/* "key":value members; each is preceded by a comma. */
void put_num(struct text *t, const char *key, unsigned long long n);
void put_int(struct text *t, const char *key, long long n);
void put_big(struct text *t, const char *key, unsigned long long n);	/* as a string */
void put_bytes(struct text *t, const char *key, const void *bytes, size_t n);
void put_name(struct text *t, const char *key, const char *word);	/* of safe characters */

#endif
