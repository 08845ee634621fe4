/* Allocates nothing: a trace of it has no event. */
int main(void)
{
    return 0;
}
