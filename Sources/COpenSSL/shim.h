// OpenSSL with functions in place of the macros that Swift does not import.
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>

static inline int byol_tls_choose_protocol(SSL *ssl, const unsigned char **chosen, unsigned char *chosen_length,
                                           const unsigned char *offered, unsigned int offered_length, void *context) {
  static const unsigned char ours[] = "\x08http/1.1";
  (void)ssl;
  (void)context;
  unsigned char *match;
  if (SSL_select_next_proto(&match, chosen_length, ours, sizeof ours - 1, offered, offered_length) !=
      OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  *chosen = match;
  return SSL_TLSEXT_ERR_OK;
}

// Mozilla's intermediate profile: TLS 1.2 with forward secrecy and authenticated encryption, and TLS 1.3.
static inline SSL_CTX *byol_tls_server_context(void) {
  SSL_CTX *context = SSL_CTX_new(TLS_server_method());
  if (!context) return NULL;
  static const unsigned char name[] = "byol";
  int ok = SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) &&
           SSL_CTX_set_cipher_list(context,
                                   "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
                                   "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
                                   "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305") &&
           SSL_CTX_set1_groups_list(context, "X25519:P-256:P-384") &&
           SSL_CTX_set_session_id_context(context, name, sizeof name - 1) &&
           SSL_CTX_set_num_tickets(context, 2);
  if (!ok) {
    SSL_CTX_free(context);
    return NULL;
  }
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                   SSL_OP_PRIORITIZE_CHACHA);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_SERVER);
  SSL_CTX_set_alpn_select_cb(context, byol_tls_choose_protocol, NULL);
  return context;
}

// Asks every client for a certificate signed by one of the authorities in a PEM file, and serves none without where it is
// required. One that is shown and not good ends the handshake in either case. Returns 1 on success.
static inline int byol_tls_ask_clients(SSL_CTX *context, const char *authorities, int is_required) {
  if (SSL_CTX_load_verify_locations(context, authorities, NULL) != 1) return 0;
  SSL_CTX_set_client_CA_list(context, SSL_load_client_CA_file(authorities));
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | (is_required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), NULL);
  return 1;
}

// A server session over two memory buffers; NULL when memory is short.
static inline SSL *byol_tls_session(SSL_CTX *context) {
  SSL *session = SSL_new(context);
  BIO *in = BIO_new(BIO_s_mem());
  BIO *out = BIO_new(BIO_s_mem());
  if (!session || !in || !out) {
    SSL_free(session);
    BIO_free(in);
    BIO_free(out);
    return NULL;
  }
  SSL_set_bio(session, in, out);
  SSL_set_accept_state(session);
  return session;
}

// The functions below return a count, 0 for "more bytes from the client are needed", -1 for the client's
// orderly end, -2 for failure. Each leaves what must be sent in the outgoing buffer.
static inline int byol_tls_result(SSL *session, int result) {
  if (result > 0) return result;
  switch (SSL_get_error(session, result)) {
  case SSL_ERROR_WANT_READ: return 0;
  case SSL_ERROR_ZERO_RETURN: return -1;
  default: ERR_clear_error(); return -2;
  }
}

static inline int byol_tls_handshake(SSL *session) {
  ERR_clear_error();
  return byol_tls_result(session, SSL_do_handshake(session));
}

// The SHA-256 of the certificate that the client has shown and that was verified, and the second since 1970 in which it
// ends. Returns 1; 0 where there is none.
static inline int byol_tls_client_certificate(SSL *session, unsigned char digest[32], long long *end) {
  X509 *certificate = SSL_get1_peer_certificate(session);
  if (!certificate) return 0;
  ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
  unsigned int length = 0;
  int days = 0, seconds = 0;
  int ok = epoch && SSL_get_verify_result(session) == X509_V_OK &&
           X509_digest(certificate, EVP_sha256(), digest, &length) == 1 && length == 32 &&
           ASN1_TIME_diff(&days, &seconds, epoch, X509_get0_notAfter(certificate)) == 1;
  *end = (long long)days * 86400 + seconds;
  ASN1_TIME_free(epoch);
  X509_free(certificate);
  ERR_clear_error();
  return ok;
}

static inline int byol_tls_read(SSL *session, void *buffer, int capacity) {
  ERR_clear_error();
  return byol_tls_result(session, SSL_read(session, buffer, capacity));
}

static inline int byol_tls_write(SSL *session, const void *bytes, int count) {
  ERR_clear_error();
  return byol_tls_result(session, SSL_write(session, bytes, count));
}

static inline void byol_tls_shutdown(SSL *session) {
  ERR_clear_error();
  if (SSL_is_init_finished(session)) SSL_shutdown(session);
  ERR_clear_error();
}

static inline int byol_tls_take_in(SSL *session, const void *bytes, int count) {
  return BIO_write(SSL_get_rbio(session), bytes, count);
}

// Bytes received that no read has returned yet, enciphered or not.
static inline size_t byol_tls_incoming(SSL *session) {
  return (size_t)SSL_pending(session) + BIO_ctrl_pending(SSL_get_rbio(session));
}

static inline size_t byol_tls_outgoing(SSL *session) { return BIO_ctrl_pending(SSL_get_wbio(session)); }

static inline int byol_tls_take_out(SSL *session, void *buffer, int capacity) {
  return BIO_read(SSL_get_wbio(session), buffer, capacity);
}
