// oneDNN 2.x only: 3.x creates primitives without operation descriptors.
#include <dnnl.h>
#if DNNL_VERSION_MAJOR != 2
#error "byol is written against oneDNN 2.x (Debian 12: libdnnl-dev 2.6.3)"
#endif
