import Access
import ArgumentParser
import Foundation
import HTTP
import Logging

extension ServeCommand {
  /// The service's door, by the keys of its data folder.
  ///
  /// - Throws: `ValidationError` where other machines could reach a service that has no keys, unless that was asked for.
  func accessControl(
    listeningOn address: ServerConfiguration.Address, _ logger: Logger
  ) throws -> AccessControl {
    let access = AccessControl(file: KeyFile(dataFolder: data)) { note in
      switch note {
      case .inForce(let count): logger.notice("Keys are in force: \(count).")
      case .gone(let path):
        logger.error("\(path) is gone: nobody is let in before there are keys again.")
      case .damaged(let path, let reason):
        logger.error("\(path) is no file of keys: \(reason). Nobody is let in before it is mended.")
      }
    }
    try judge(isLocal: address.isLocal, access, logger)
    return access
  }

  private func judge(isLocal: Bool, _ access: AccessControl, _ logger: Logger) throws {
    if isLocal {
      if !access.isClosed, !listen.trustedProxies.isEmpty {
        logger.warning(
          "There are no keys: whoever the trusted proxies let through may do everything.")
      }
      return
    }
    if access.isClosed {
      if access.goodKeyCount == 0 {
        logger.warning("There is no key that is good: nobody can be answered.")
      }
      if listen.certificate == nil {
        logger.warning(
          "Keys are sent without TLS: whoever is on the way can read and use them. Give --tls-cert and --tls-key."
        )
      }
    } else if insecure {
      logger.critical(
        """
        INSECURE: other machines can reach this service and it has no keys. Everybody who does may read, change and \
        remove everything.
        """
      )
    } else {
      throw ValidationError(
        """
        Other machines could reach this service (\(host)), and it has no keys. Make one with `byol keys add NAME \
        --role admin --data \(data)`, or say --insecure if everybody may do everything.
        """
      )
    }
  }
}

extension AccessControl {
  /// Notes every half minute when keys were used, and once more when the task is cancelled.
  func keepUses(_ logger: Logger) async {
    var isOver = false
    while !isOver {
      do { try await Task.sleep(for: .seconds(30)) } catch { isOver = true }
      do {
        try saveUses()
      } catch {
        logger.warning("When keys were last used cannot be noted: \(error)")
      }
    }
  }
}
