/* A CBLAS library in one file, that the tests compile in many wrong ways:
   NAME(f)        the spelling of a function's name
   INT            the type of its integers
   PRODUCT        what its product does with a sum
   NO_SGEMM, NO_DDOT, SPOIL_GAPS, THREADS (1: ignores what is set), CONFIG, STARTS_THREADS */
#ifndef NAME
#define NAME(f) f
#endif
#ifndef INT
#define INT int
#endif
#ifndef PRODUCT
#define PRODUCT(sum) (sum)
#endif

#define GEMM(name, type)                                                                        \
    void name(int layout, int transa, int transb, INT m, INT n, INT k, type alpha,              \
              const type *a, INT lda, const type *b, INT ldb, type beta, type *c, INT ldc) {    \
        for (INT i = 0; i < m; i++)                                                             \
            for (INT j = 0; j < n; j++) {                                                       \
                type sum = 0;                                                                   \
                for (INT l = 0; l < k; l++)                                                     \
                    sum += a[i * lda + l] * b[l * ldb + j];                                     \
                c[i * ldc + j] = PRODUCT(alpha * sum);                                          \
                SPOIL(c[i * ldc + n]);                                                          \
            }                                                                                   \
    }

#ifdef SPOIL_GAPS
#define SPOIL(element) ((element) = 1)
#else
#define SPOIL(element)
#endif

GEMM(NAME(cblas_dgemm), double)
#ifndef NO_SGEMM
GEMM(NAME(cblas_sgemm), float)
#endif

#ifndef NO_DDOT
double NAME(cblas_ddot)(INT n, const double *x, INT incx, const double *y, INT incy) {
    double sum = 0;
    for (INT i = 0; i < n; i++)
        sum += x[i * incx] * y[i * incy];
    return sum;
}
#endif

#ifdef CONFIG
static int threads = 1;
void NAME(openblas_set_num_threads)(int count) { threads = THREADS ? THREADS : count; }
int NAME(openblas_get_num_threads)(void) { return threads; }
const char *NAME(openblas_get_config)(void) { return CONFIG; }
#endif

#ifdef STARTS_THREADS
#include <pthread.h>
static void *nothing(void *unused) { return unused; }
void start(void) { pthread_t thread; pthread_create(&thread, 0, nothing, 0); }
#endif
