/* The compact form of a trace: every constant and fixed-size piece of it. The prose specification, from
 * which a reader can be written without this file, is docs/trace-format.md, "The compact form".
 * Integers are in the byte order of the machine that recorded, as in the raw form. */
#ifndef ANALYZER_READER_COMPACT_FORMAT_H
#define ANALYZER_READER_COMPACT_FORMAT_H

#include <stdint.h>

#define COMPACT_MAGIC         "memtracz" /* 8 bytes, no terminator */
#define COMPACT_END_MAGIC     "ztracend" /* the file's last 8 bytes, when it is whole */
#define COMPACT_VERSION       1u
#define COMPACT_HEADER_BYTES  64u
#define COMPACT_ALIGNMENT     16u         /* blocks begin at multiples of it */
#define COMPACT_BLOCK_MAGIC   0x4b4c427au /* "zBLK" */
#define COMPACT_CONTENT_LIMIT (16u << 20) /* no block's content is larger */
#define COMPACT_ENTRIES_LIMIT 65536u      /* no block has more chunks */
/* What is added to a trace's name for the file that grows beside it while it is compressed. */
#define COMPACT_SUFFIX ".compact"

struct compact_header {
    uint8_t magic[8];
    uint32_t byte_order;
    uint32_t version;      /* of the compact form */
    uint8_t run_id[16];    /* the trace's own */
    uint32_t header_bytes; /* COMPACT_HEADER_BYTES: the first block begins here */
    uint32_t reserved[6];
    uint32_t crc; /* of all before it */
};

enum compact_kind {
    COMPACT_FRONT = 1,  /* the trace's first 65536 bytes: header and info records. The last one counts */
    COMPACT_CHUNKS = 2, /* chunks, in the order of the block's entries */
    COMPACT_TABLE = 3,  /* where the blocks are, and their entries once more */
};

enum compact_method {
    COMPACT_STORED = 0,
    COMPACT_ZSTD = 1,
    COMPACT_COLUMNS = 2, /* chunks, split into columns, then as COMPACT_ZSTD */
};

/* In front of each block; PAYLOAD_BYTES follow, then zeros up to the alignment. The payload is ENTRIES
 * entries and then the content, coded by METHOD. */
struct compact_block {
    uint32_t magic;
    uint16_t kind;
    uint16_t method;
    uint64_t content_bytes; /* before coding */
    uint64_t payload_bytes;
    uint64_t offset; /* of this block in the file */
    uint32_t entries;
    uint32_t payload_crc;
    uint32_t trace_version; /* of the raw form: how the records in the content are read */
    uint32_t crc;           /* of all before it */
};

enum compact_entry_flag {
    COMPACT_DAMAGED = 1u << 0, /* the chunk's records end at one that does not decode */
    COMPACT_NOTABLE = 1u << 1, /* among its records are modules, or it is of a second lane */
};

/* One chunk of a block. */
struct compact_entry {
    uint8_t header[64];    /* the first 64 bytes of the chunk */
    uint64_t stored_bytes; /* of the chunk in the content, from its start; what is behind counts as zero */
    uint64_t end;          /* of its last record that decodes, from its start */
    uint32_t flags;
    uint32_t reserved[3];
};

/* The content of the table: for each block one of these, in the order of their offsets, followed by
 * its entries. */
struct compact_place {
    uint64_t offset;
    uint16_t kind;
    uint16_t reserved;
    uint32_t entries;
};

enum compact_trailer_flag {
    COMPACT_CUT = 1u << 0, /* the raw file that this was made of had been cut */
};

/* The file's last bytes. */
struct compact_trailer {
    uint64_t table_offset;
    uint32_t flags; /* enum compact_trailer_flag */
    uint32_t crc;   /* of the twelve bytes before it */
    uint8_t magic[8];
};

_Static_assert(sizeof(struct compact_header) == COMPACT_HEADER_BYTES, "header size");
_Static_assert(sizeof(struct compact_block) == 48, "block header size");
_Static_assert(sizeof(struct compact_entry) == 96, "entry size");
_Static_assert(sizeof(struct compact_place) == 16, "place size");
_Static_assert(sizeof(struct compact_trailer) == 24, "trailer size");

#endif
