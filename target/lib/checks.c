#include "checks.h"

#include "sha256.h"

#include <arpa/inet.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { CANDIDATE_MAX = 128 }; /* longer than anything that is checked as a whole */

static bool is_digit(char byte)
{
    return byte >= '0' && byte <= '9';
}

static bool is_letter(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
}

/* The digits of BYTES in DIGITS (values, not characters); their count, or 0 when there are more than ROOM. */
static size_t digits_of(const char *bytes, size_t length, uint8_t *digits, size_t room)
{
    size_t count = 0;
    for (size_t i = 0; i < length; i++) {
        if (!is_digit(bytes[i])) continue;
        if (count == room) return 0;
        digits[count++] = (uint8_t)(bytes[i] - '0');
    }
    return count;
}

static bool all_equal(const uint8_t *digits, size_t count)
{
    for (size_t i = 1; i < count; i++)
        if (digits[i] != digits[0]) return false;
    return true;
}

/* ISO/IEC 7812-1, annex B: every second digit from the right is doubled, digits are summed, modulo 10. */
static bool check_luhn(const char *bytes, size_t length)
{
    uint8_t digits[19];
    size_t count = digits_of(bytes, length, digits, sizeof digits);
    unsigned sum = 0;
    if (count < 12 || all_equal(digits, count)) return false;
    for (size_t i = 0; i < count; i++) {
        unsigned digit = digits[count - 1 - i] * (1 + i % 2);
        sum += digit > 9 ? digit - 9 : digit;
    }
    return sum % 10 == 0;
}

/* National lengths: SWIFT's IBAN registry. "GB" and 22 characters, and so on. */
static size_t iban_length(const char *country)
{
    static const char registry[] =
        "AD24AE23AL28AT20AZ28BA20BE16BG22BH22BR29BY28CH21CR22CY28CZ24DE22DK18DO28EE20EG29"
        "ES24FI18FO18FR27GB22GE22GI23GL18GR27GT28HR21HU28IE22IL23IQ23IS26IT27JO30KW30KZ20"
        "LB28LC32LI21LT20LU20LV21LY25MC27MD24ME22MK19MR27MT31MU30NL18NO15PK24PL28PS29PT25"
        "QA29RO24RS22SA24SC31SD18SE24SI19SK24SM27ST25SV28TL23TN24TR26UA29VA22VG24XK20";
    for (const char *at = registry; *at; at += 4)
        if (memcmp(at, country, 2) == 0) return (size_t)(at[2] - '0') * 10 + (size_t)(at[3] - '0');
    return 0;
}

/* ISO 13616 / ISO 7064 MOD 97-10: the first four characters moved to the end, letters as 10..35, remainder 1.
 */
static bool check_iban(const char *bytes, size_t length)
{
    char compact[40];
    size_t count = 0;
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] == ' ' || bytes[i] == '-') continue;
        if (count == sizeof compact) return false;
        bool lower = bytes[i] >= 'a' && bytes[i] <= 'z';
        compact[count++] = (char)(bytes[i] - (lower ? 'a' - 'A' : 0));
    }
    if (count < 15 || count != iban_length(compact)) return false;
    unsigned remainder = 0;
    for (size_t i = 0; i < count; i++) {
        char byte = compact[(i + 4) % count];
        remainder = is_digit(byte) ? remainder * 10 + (unsigned)(byte - '0')
                                   : remainder * 100 + (unsigned)(byte - 'A' + 10);
        remainder %= 97;
    }
    return remainder == 1;
}

/* Social Security Administration: no area 000, 666 or 900-999, no group 00, no serial 0000; and not the
 * numbers that were printed in advertisements. */
static bool check_ssn(const char *bytes, size_t length)
{
    uint8_t digits[9];
    if (digits_of(bytes, length, digits, sizeof digits) != 9) return false;
    unsigned area = digits[0] * 100u + digits[1] * 10u + digits[2];
    unsigned group = digits[3] * 10u + digits[4];
    unsigned serial = digits[5] * 1000u + digits[6] * 100u + digits[7] * 10u + digits[8];
    if (area == 0 || area == 666 || area >= 900 || group == 0 || serial == 0) return false;
    return !(area == 78 && group == 5 && serial == 1120) && !(area == 219 && group == 9 && serial == 9999);
}

static bool address_parses(int family, const char *bytes, size_t length)
{
    char text[INET6_ADDRSTRLEN];
    unsigned char address[16];
    if (length >= sizeof text) return false;
    memcpy(text, bytes, length);
    text[length] = '\0';
    return inet_pton(family, text, address) == 1;
}

static bool check_ipv4(const char *bytes, size_t length)
{
    return address_parses(AF_INET, bytes, length);
}

/* Hexadecimal words with colons are also code (a::b) and dead::beef: without a digit it is no address. */
static bool check_ipv6(const char *bytes, size_t length)
{
    bool digit = false;
    for (size_t i = 0; i < length; i++)
        digit = digit || is_digit(bytes[i]);
    return digit && address_parses(AF_INET6, bytes, length);
}

/* E.164: at most 15 digits, country code included; no number has fewer than 7. */
static bool check_phone(const char *bytes, size_t length)
{
    uint8_t digits[20];
    size_t count = digits_of(bytes, length, digits, sizeof digits);
    return count >= 7 && count <= 15 && !all_equal(digits, count);
}

/* The nil UUID and its like name nothing. */
static bool check_uuid(const char *bytes, size_t length)
{
    for (size_t i = 1; i < length; i++)
        if (bytes[i] != '-' && bytes[i] != bytes[0]) return true;
    return false;
}

/* Base58Check: a version byte, 20 bytes of hash, and the first 4 bytes of their double SHA-256. */
static bool check_base58check(const char *bytes, size_t length)
{
    static const char alphabet[] = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
    uint8_t number[25] = {0}, digest[32];
    for (size_t i = 0; i < length; i++) {
        const char *at = bytes[i] ? strchr(alphabet, bytes[i]) : NULL;
        if (!at) return false;
        unsigned carry = (unsigned)(at - alphabet);
        for (size_t j = sizeof number; j-- > 0;) {
            carry += number[j] * 58u;
            number[j] = (uint8_t)carry;
            carry >>= 8;
        }
        if (carry) return false;
    }
    if (number[0] != 0 && number[0] != 5) return false; /* pay to public key hash, pay to script hash */
    sha256_short(number, 21, digest);
    sha256_short(digest, 32, digest);
    return memcmp(digest, number + 21, 4) == 0;
}

static uint32_t crc32(const char *bytes, size_t length)
{
    uint32_t crc = ~0u;
    for (size_t i = 0; i < length; i++) {
        crc ^= (unsigned char)bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    return ~crc;
}

/* GitHub's and npm's tokens: prefix, '_', 30 random characters, and their CRC-32 in six base-62 digits.
 * Source: GitHub, "Behind GitHub's new authentication token formats" (2021). */
static bool check_crc32_base62(const char *bytes, size_t length)
{
    static const char alphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    const char *underscore = memchr(bytes, '_', length);
    if (!underscore || length - (size_t)(underscore + 1 - bytes) != 36) return false;
    uint32_t crc = crc32(underscore + 1, 30);
    for (int i = 35; i >= 30; i--, crc /= 62)
        if (underscore[1 + i] != alphabet[crc % 62]) return false;
    return true;
}

/* Decode unpadded base64 or base64url until something else comes; returns the bytes written. */
static size_t base64_decode(const char *bytes, size_t length, char *decoded, size_t room)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint32_t bits = 0;
    size_t count = 0;
    unsigned have = 0;
    for (size_t i = 0; i < length && count < room; i++) {
        char byte = bytes[i];
        if (byte == '-') byte = '+';
        if (byte == '_') byte = '/';
        const char *at = byte ? strchr(alphabet, byte) : NULL;
        if (!at) break;
        bits = bits << 6 | (uint32_t)(at - alphabet);
        have += 6;
        if (have < 8) continue;
        have -= 8;
        decoded[count++] = (char)(bits >> have);
    }
    return count;
}

/* RFC 7519: the first part is a JSON object that says how the token is signed. */
static bool check_jwt(const char *bytes, size_t length)
{
    char header[CANDIDATE_MAX * 2];
    const char *dot = memchr(bytes, '.', length);
    if (!dot) return false;
    size_t count = base64_decode(bytes, (size_t)(dot - bytes), header, sizeof header);
    return count > 6 && header[0] == '{' && memmem(header, count, "\"alg\"", 5) != NULL;
}

/* The first part of a Discord bot's token is its numeric user id. */
static bool check_discord(const char *bytes, size_t length)
{
    char id[32];
    const char *dot = memchr(bytes, '.', length);
    size_t count = dot ? base64_decode(bytes, (size_t)(dot - bytes), id, sizeof id) : 0;
    for (size_t i = 0; i < count; i++)
        if (!is_digit(id[i])) return false;
    return count >= 17 && count <= 20;
}

static bool contains_word(const char *bytes, size_t length, const char *word)
{
    size_t word_length = strlen(word);
    for (size_t i = 0; i + word_length <= length; i++)
        if (strncasecmp(bytes + i, word, word_length) == 0) return true;
    return false;
}

/* A value written in a tutorial is no secret: placeholders, variables, one kind of character only. */
static bool check_assigned_secret(const char *bytes, size_t length)
{
    static const char *const placeholders[] = {"example", "changeme", "change_me",  "placeholder",
                                               "your",    "xxxx",     "****",       "redacted",
                                               "todo",    "dummy",    "1234567890", "abcdef"};
    bool digit = false, letter = false;
    for (size_t i = 0; i < sizeof placeholders / sizeof placeholders[0]; i++)
        if (contains_word(bytes, length, placeholders[i])) return false;
    for (size_t i = 0; i < length; i++) {
        digit = digit || is_digit(bytes[i]);
        letter = letter || is_letter(bytes[i]);
        if (strchr("${}<>()[]", bytes[i])) return false; /* also NUL */
    }
    return digit && letter;
}

static const struct {
    const char *name;
    check_function check;
} checks[] = {
    {"luhn", check_luhn},
    {"iban", check_iban},
    {"ssn", check_ssn},
    {"ipv4", check_ipv4},
    {"ipv6", check_ipv6},
    {"phone", check_phone},
    {"uuid", check_uuid},
    {"base58check", check_base58check},
    {"crc32_base62", check_crc32_base62},
    {"jwt", check_jwt},
    {"discord", check_discord},
    {"assigned_secret", check_assigned_secret},
};
enum { CHECK_COUNT = sizeof checks / sizeof checks[0] };

check_function check_find(const char *name)
{
    for (size_t i = 0; i < CHECK_COUNT; i++)
        if (strcmp(checks[i].name, name) == 0) return checks[i].check;
    return NULL;
}

const char *check_names(char *list, size_t size)
{
    size_t used = 0;
    list[0] = '\0';
    for (size_t i = 0; i < CHECK_COUNT && used < size; i++)
        used += (size_t)snprintf(list + used, size - used, "%s%s", i ? ", " : "", checks[i].name);
    return list;
}

unsigned entropy_thousandths(const char *bytes, size_t length)
{
    size_t counts[256] = {0};
    double bits = 0;
    for (size_t i = 0; i < length; i++)
        counts[(unsigned char)bytes[i]]++;
    for (int byte = 0; byte < 256; byte++)
        if (counts[byte]) bits += (double)counts[byte] * log2((double)length / (double)counts[byte]);
    return length ? (unsigned)(bits * 1000 / (double)length) : 0;
}
