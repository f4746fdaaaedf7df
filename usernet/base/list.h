/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef USERNET_BASE_LIST_H
#define USERNET_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Intrusive circular doubly linked list. A head and a detached link both point to themselves. The
 * comment beside a link names its list: `// vswitch::ports`.
 */
struct list {
	struct list *prev;
	struct list *next;
};

#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

static inline void list_init(struct list *list)
{
	list->prev = list;
	list->next = list;
}

static inline bool list_empty(const struct list *list)
{
	return list->next == list;
}

/* Appends @link to the list headed by @head. */
static inline void list_append(struct list *head, struct list *link)
{
	link->prev = head->prev;
	link->next = head;
	head->prev->next = link;
	head->prev = link;
}

/* Detaches @link; does nothing when it is detached. */
static inline void list_remove(struct list *link)
{
	link->prev->next = link->next;
	link->next->prev = link->prev;
	list_init(link);
}

/* Moves all of @from to the end of @to. */
static inline void list_splice(struct list *to, struct list *from)
{
	if (list_empty(from))
		return;
	from->next->prev = to->prev;
	from->prev->next = to;
	to->prev->next = from->next;
	to->prev = from->prev;
	list_init(from);
}

#define list_first(head, type, member) container_of((head)->next, type, member)

#define list_for_each(pos, head, type, member)                                                     \
	for (type *pos = container_of((head)->next, type, member); &pos->member != (head);         \
	     pos = container_of(pos->member.next, type, member))

/* As list_for_each, but the body may remove or free @pos. */
#define list_for_each_safe(pos, head, type, member)                                                \
	for (type *pos = container_of((head)->next, type, member),                                 \
		  *pos##_next = container_of(pos->member.next, type, member);                      \
	     &pos->member != (head);                                                               \
	     pos = pos##_next, pos##_next = container_of(pos->member.next, type, member))

#endif
