/* SPDX-License-Identifier: BSD-3-Clause */
#include "capture/filter.h"

#include <linux/filter.h>
#include <string.h>

#include "base/error.h"

struct filter {
	unsigned n;
	struct sock_filter code[];
};

/* --- checking --- */

/* Can instruction @pc run? Jumps lead forward, so that each instruction runs at most once. */
static bool is_sound(const struct filter *filter, unsigned pc)
{
	const struct sock_filter *i = &filter->code[pc];
	unsigned left = filter->n - pc - 1;

	switch (i->code) {
	case BPF_LD | BPF_W | BPF_ABS:
	case BPF_LD | BPF_H | BPF_ABS:
	case BPF_LD | BPF_B | BPF_ABS:
	case BPF_LD | BPF_W | BPF_IND:
	case BPF_LD | BPF_H | BPF_IND:
	case BPF_LD | BPF_B | BPF_IND:
	case BPF_LD | BPF_W | BPF_LEN:
	case BPF_LD | BPF_IMM:
	case BPF_LDX | BPF_W | BPF_LEN:
	case BPF_LDX | BPF_IMM:
	case BPF_LDX | BPF_B | BPF_MSH:
	case BPF_ALU | BPF_ADD | BPF_K:
	case BPF_ALU | BPF_SUB | BPF_K:
	case BPF_ALU | BPF_MUL | BPF_K:
	case BPF_ALU | BPF_AND | BPF_K:
	case BPF_ALU | BPF_OR | BPF_K:
	case BPF_ALU | BPF_XOR | BPF_K:
	case BPF_ALU | BPF_ADD | BPF_X:
	case BPF_ALU | BPF_SUB | BPF_X:
	case BPF_ALU | BPF_MUL | BPF_X:
	case BPF_ALU | BPF_AND | BPF_X:
	case BPF_ALU | BPF_OR | BPF_X:
	case BPF_ALU | BPF_XOR | BPF_X:
	case BPF_ALU | BPF_DIV | BPF_X:
	case BPF_ALU | BPF_MOD | BPF_X:
	case BPF_ALU | BPF_LSH | BPF_X:
	case BPF_ALU | BPF_RSH | BPF_X:
	case BPF_ALU | BPF_NEG:
	case BPF_RET | BPF_K:
	case BPF_RET | BPF_A:
	case BPF_MISC | BPF_TAX:
	case BPF_MISC | BPF_TXA:
		return true;
	case BPF_LD | BPF_MEM:
	case BPF_LDX | BPF_MEM:
	case BPF_ST:
	case BPF_STX:
		return i->k < BPF_MEMWORDS;
	case BPF_ALU | BPF_DIV | BPF_K:
	case BPF_ALU | BPF_MOD | BPF_K:
		return i->k != 0;
	case BPF_ALU | BPF_LSH | BPF_K:
	case BPF_ALU | BPF_RSH | BPF_K:
		return i->k < 32;
	case BPF_JMP | BPF_JA:
		return i->k < left;
	case BPF_JMP | BPF_JEQ | BPF_K:
	case BPF_JMP | BPF_JGT | BPF_K:
	case BPF_JMP | BPF_JGE | BPF_K:
	case BPF_JMP | BPF_JSET | BPF_K:
	case BPF_JMP | BPF_JEQ | BPF_X:
	case BPF_JMP | BPF_JGT | BPF_X:
	case BPF_JMP | BPF_JGE | BPF_X:
	case BPF_JMP | BPF_JSET | BPF_X:
		return i->jt < left && i->jf < left;
	default:
		return false;
	}
}

static bool check(const struct filter *filter, GError **error)
{
	for (unsigned pc = 0; pc < filter->n; pc++) {
		if (!is_sound(filter, pc))
			return error_usage(error, "filter: instruction %u cannot run", pc);
	}
	if (BPF_CLASS(filter->code[filter->n - 1].code) != BPF_RET)
		return error_usage(error, "filter: the last instruction does not return");
	return true;
}

/* A number up to @max, and the character that must follow it; 0 stands for the end too. */
static bool take(const char **text, guint64 max, char next, guint64 *value)
{
	char *end;

	if (!g_ascii_isdigit(**text))
		return false;
	*value = g_ascii_strtoull(*text, &end, 10);
	if (*value > max || (*end != next && !(next == ',' && !*end)))
		return false;
	*text = *end ? end + 1 : end;
	return true;
}

static bool take_instruction(const char **text, struct sock_filter *out)
{
	guint64 code, jt, jf, k;

	if (!take(text, UINT16_MAX, ' ', &code) || !take(text, UINT8_MAX, ' ', &jt) ||
	    !take(text, UINT8_MAX, ' ', &jf) || !take(text, UINT32_MAX, ',', &k))
		return false;
	*out = (struct sock_filter){(uint16_t)code, (uint8_t)jt, (uint8_t)jf, (uint32_t)k};
	return true;
}

struct filter *filter_new(const char *text, GError **error)
{
	struct filter *filter;
	guint64 n;

	if (!take(&text, FILTER_MAX, ',', &n) || n == 0) {
		error_usage(error, "filter: begins with its number of instructions, 1 to %d",
			    FILTER_MAX);
		return NULL;
	}
	filter = g_malloc0(sizeof(*filter) + n * sizeof(filter->code[0]));
	filter->n = (unsigned)n;
	for (unsigned i = 0; i < filter->n; i++) {
		if (take_instruction(&text, &filter->code[i]))
			continue;
		error_usage(error, "filter: instruction %u is not 'CODE JT JF K'", i);
		filter_free(filter);
		return NULL;
	}
	if (*text)
		error_usage(error, "filter: has more than %u instructions", filter->n);
	if (*text || !check(filter, error)) {
		filter_free(filter);
		return NULL;
	}
	return filter;
}

void filter_free(struct filter *filter)
{
	g_free(filter);
}

/* --- running --- */

/*
 * Loads @size bytes, big-endian; @size is a constant where it matters. False: they are not all in
 * the frame, which ends the program.
 */
static inline bool load(const struct frame *frame, uint64_t at, unsigned size, uint32_t *value)
{
	const uint8_t *from;
	uint16_t two;
	uint32_t four;

	if (G_UNLIKELY(at + size > frame->len))
		return false;
	from = frame->data + at;
	switch (size) {
	case 1:
		*value = *from;
		return true;
	case 2:
		memcpy(&two, from, 2);
		*value = GUINT16_FROM_BE(two);
		return true;
	default:
		memcpy(&four, from, 4);
		*value = GUINT32_FROM_BE(four);
		return true;
	}
}

static inline uint32_t compute(uint16_t op, uint32_t a, uint32_t b)
{
	switch (op) {
	case BPF_ADD:
		return a + b;
	case BPF_SUB:
		return a - b;
	case BPF_MUL:
		return a * b;
	case BPF_AND:
		return a & b;
	case BPF_OR:
		return a | b;
	case BPF_XOR:
		return a ^ b;
	case BPF_DIV:
		return a / b;
	case BPF_MOD:
		return a % b;
	case BPF_LSH:
		return b < 32 ? a << b : 0;
	case BPF_RSH:
		return b < 32 ? a >> b : 0;
	default: /* BPF_NEG */
		return 0 - a;
	}
}

static inline bool holds(uint16_t op, uint32_t a, uint32_t b)
{
	switch (op) {
	case BPF_JEQ:
		return a == b;
	case BPF_JGT:
		return a > b;
	case BPF_JGE:
		return a >= b;
	default: /* BPF_JSET */
		return (a & b) != 0;
	}
}

static inline unsigned load_size(uint16_t code)
{
	return BPF_SIZE(code) == BPF_W ? 4 : BPF_SIZE(code) == BPF_H ? 2 : 1;
}

/* BPF_LD. False: outside the frame. */
static inline bool load_a(const struct frame *frame, const struct sock_filter *i,
			  const uint32_t *words, uint32_t x, uint32_t *a)
{
	switch (BPF_MODE(i->code)) {
	case BPF_ABS:
		return load(frame, i->k, load_size(i->code), a);
	case BPF_IND:
		return load(frame, (uint64_t)i->k + x, load_size(i->code), a);
	case BPF_LEN:
		*a = frame->len;
		return true;
	case BPF_MEM:
		*a = words[i->k];
		return true;
	default: /* BPF_IMM */
		*a = i->k;
		return true;
	}
}

/* BPF_LDX */
static inline bool load_x(const struct frame *frame, const struct sock_filter *i,
			  const uint32_t *words, uint32_t *x)
{
	switch (BPF_MODE(i->code)) {
	case BPF_MSH: /* the length of an IPv4 header */
		if (!load(frame, i->k, 1, x))
			return false;
		*x = (*x & 0xf) << 2;
		return true;
	case BPF_LEN:
		*x = frame->len;
		return true;
	case BPF_MEM:
		*x = words[i->k];
		return true;
	default: /* BPF_IMM */
		*x = i->k;
		return true;
	}
}

struct registers {
	uint32_t a, x;
	uint32_t words[BPF_MEMWORDS];
};

/* An instruction that neither jumps nor returns. False: the frame does not match. */
static bool step(const struct frame *frame, const struct sock_filter *i, struct registers *r)
{
	uint32_t operand = BPF_SRC(i->code) == BPF_X ? r->x : i->k;

	switch (BPF_CLASS(i->code)) {
	case BPF_LD:
		return load_a(frame, i, r->words, r->x, &r->a);
	case BPF_LDX:
		return load_x(frame, i, r->words, &r->x);
	case BPF_ST:
		r->words[i->k] = r->a;
		return true;
	case BPF_STX:
		r->words[i->k] = r->x;
		return true;
	case BPF_ALU:
		if (!operand && (BPF_OP(i->code) == BPF_DIV || BPF_OP(i->code) == BPF_MOD))
			return false;
		r->a = compute(BPF_OP(i->code), r->a, operand);
		return true;
	default: /* BPF_MISC */
		if (BPF_MISCOP(i->code) == BPF_TAX)
			r->x = r->a;
		else
			r->a = r->x;
		return true;
	}
}

uint32_t filter_run(const struct filter *filter, const struct frame *frame)
{
	struct registers r = {0};

	for (const struct sock_filter *i = filter->code;; i++) {
		bool goes_on = true;

		/* First the instructions that most programs consist of. */
		switch (i->code) {
		case BPF_LD | BPF_H | BPF_ABS:
			goes_on = load(frame, i->k, 2, &r.a);
			break;
		case BPF_LD | BPF_B | BPF_ABS:
			goes_on = load(frame, i->k, 1, &r.a);
			break;
		case BPF_LD | BPF_W | BPF_ABS:
			goes_on = load(frame, i->k, 4, &r.a);
			break;
		case BPF_LD | BPF_H | BPF_IND:
			goes_on = load(frame, (uint64_t)i->k + r.x, 2, &r.a);
			break;
		case BPF_JMP | BPF_JEQ | BPF_K:
			i += r.a == i->k ? i->jt : i->jf;
			break;
		case BPF_JMP | BPF_JSET | BPF_K:
			i += r.a & i->k ? i->jt : i->jf;
			break;
		case BPF_JMP | BPF_JA:
			i += i->k;
			break;
		case BPF_JMP | BPF_JGT | BPF_K:
		case BPF_JMP | BPF_JGE | BPF_K:
			i += holds(BPF_OP(i->code), r.a, i->k) ? i->jt : i->jf;
			break;
		case BPF_JMP | BPF_JEQ | BPF_X:
		case BPF_JMP | BPF_JGT | BPF_X:
		case BPF_JMP | BPF_JGE | BPF_X:
		case BPF_JMP | BPF_JSET | BPF_X:
			i += holds(BPF_OP(i->code), r.a, r.x) ? i->jt : i->jf;
			break;
		case BPF_RET | BPF_K:
			return i->k;
		case BPF_RET | BPF_A:
			return r.a;
		default:
			goes_on = step(frame, i, &r);
			break;
		}
		if (!goes_on)
			return 0;
	}
}
