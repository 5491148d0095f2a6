/*
 * Intrusive doubly linked list.
 *
 * The list owns nothing: an element is in at most one list per node, and whoever embeds the
 * node keeps the element alive while it is linked. A node that is not in a list points at
 * itself, so list_remove() may be called twice.
 */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list_node {
    struct list_node *prev;
    struct list_node *next;
};

/* The structure that embeds `node` as its member `member`. */
#define container_of(node, type, member) ((type *)((char *)(node)-offsetof(type, member)))

#define list_first(list, type, member)                                                             \
    (list_is_empty(list) ? NULL : container_of((list)->next, type, member))

/* Walks the list; the body must not unlink anything but through list_for_each_safe. */
#define list_for_each(it, list)                                                                    \
    for (struct list_node *it = (list)->next; it != (list); it = it->next)

/* As list_for_each, but the body may unlink (or free) the element it stands on. */
#define list_for_each_safe(it, list)                                                               \
    for (struct list_node *it = (list)->next, *it##_next = it->next; it != (list);                 \
         it = it##_next, it##_next = it->next)

static inline void list_init(struct list_node *node)
{
    node->prev = node;
    node->next = node;
}

static inline bool list_is_empty(const struct list_node *list)
{
    return list->next == list;
}

static inline void list_insert_before(struct list_node *place, struct list_node *node)
{
    node->prev = place->prev;
    node->next = place;
    place->prev->next = node;
    place->prev = node;
}

static inline void list_append(struct list_node *list, struct list_node *node)
{
    list_insert_before(list, node);
}

static inline void list_prepend(struct list_node *list, struct list_node *node)
{
    list_insert_before(list->next, node);
}

static inline void list_remove(struct list_node *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}

/* Moves every element of `from` to the end of `to`; `from` is empty afterwards. */
static inline void list_splice(struct list_node *to, struct list_node *from)
{
    if (list_is_empty(from))
        return;
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    list_init(from);
}

#endif
