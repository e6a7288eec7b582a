using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Orleans.Connections.Security;

namespace G2RL.Onnx.Cluster.Hosting;

/// <summary>Mutual TLS: only who holds a certificate of the cluster's own authority is spoken to, in either direction.</summary>
public static class MemberCertificates
{
    /// <summary>The name that every member's certificate bears; the authority behind it is what counts.</summary>
    private const string Name = "g2rl-member";

    private static readonly Oid[] Uses = [new("1.3.6.1.5.5.7.3.1"), new("1.3.6.1.5.5.7.3.2")];

    /// <summary>Makes an authority, or takes the one that is there, and a member's certificate.</summary>
    /// <param name="folder">Receives authority.pem, authority.key (keep it away from workers) and MEMBER.pem.</param>
    /// <param name="member">Name of the file.</param>
    /// <param name="lifetime">How long the certificate is valid.</param>
    /// <param name="time">The clock.</param>
    /// <returns>The files: authority and certificate.</returns>
    /// <exception cref="InputException">Files that cannot be written or read.</exception>
    public static (string Authority, string Certificate) Make(string folder, string member, TimeSpan lifetime, TimeProvider time)
    {
        var (authorityPath, keyPath) = (Path.Combine(folder, "authority.pem"), Path.Combine(folder, "authority.key"));
        var path = Path.Combine(folder, member + ".pem");
        var now = time.GetUtcNow();
        try
        {
            Directory.CreateDirectory(folder);
            if (!File.Exists(authorityPath))
            {
                using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
                var request = new CertificateRequest($"CN=g2rl-authority-{Guid.NewGuid():N}", key, HashAlgorithmName.SHA256);
                request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
                request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, critical: true));
                using var made = request.CreateSelfSigned(now.AddMinutes(-5), now.AddYears(10));
                WriteSecret(keyPath, key.ExportPkcs8PrivateKeyPem());
                File.WriteAllText(authorityPath, made.ExportCertificatePem());
            }
            using var authority = X509Certificate2.CreateFromPemFile(authorityPath, keyPath);
            using var own = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            var leaf = new CertificateRequest($"CN={Name}", own, HashAlgorithmName.SHA256);
            leaf.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, true));
            leaf.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([.. Uses], false));
            using var certificate = leaf.Create(authority, now.AddMinutes(-5), now + lifetime, RandomNumberGenerator.GetBytes(16));
            WriteSecret(path, certificate.ExportCertificatePem() + "\n" + own.ExportPkcs8PrivateKeyPem() + "\n");
            return (authorityPath, path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw new InputException($"Certificates in {folder}: {e.Message}", e);
        }
    }

    /// <summary>Reads a member's certificate with its key.</summary>
    /// <exception cref="InputException">It cannot be read, holds no key, or is not valid now.</exception>
    internal static X509Certificate2 Load(string path, TimeProvider time)
    {
        try
        {
            var certificate = path.EndsWith(".pfx", StringComparison.OrdinalIgnoreCase)
                ? X509CertificateLoader.LoadPkcs12FromFile(path, null)
                : FromPem(path);
            var now = time.GetUtcNow().UtcDateTime;
            if (now < certificate.NotBefore.ToUniversalTime() || now > certificate.NotAfter.ToUniversalTime())
                throw new InputException($"{path} is valid from {certificate.NotBefore:u} to {certificate.NotAfter:u}; now is {now:u}. "
                    + "Make another with: g2rl cluster certificate.");
            return certificate;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw new InputException($"distribution.certificate {path} cannot be read: {e.Message}", e);
        }
    }

    /// <summary>Demands a certificate of the authority from everybody.</summary>
    internal static void Require(TlsOptions options, string authorityPath)
    {
        var authority = Authority(authorityPath);
        options.RemoteCertificateMode = RemoteCertificateMode.RequireCertificate;
        options.ClientCertificateMode = RemoteCertificateMode.RequireCertificate;
        options.OnAuthenticateAsClient = (_, client) => client.TargetHost = Name;
        options.RemoteCertificateValidation = (certificate, _, _) => IsOurs(certificate, authority);
    }

    /// <summary>Whether a certificate comes from the authority and is valid now.</summary>
    internal static bool IsOurs(X509Certificate2 certificate, X509Certificate2 authority)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.Add(authority);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        return chain.Build(certificate);
    }

    /// <summary>Reads the authority's certificate.</summary>
    /// <exception cref="InputException">It cannot be read.</exception>
    internal static X509Certificate2 Authority(string path)
    {
        try
        {
            return X509CertificateLoader.LoadCertificateFromFile(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw new InputException($"distribution.authority {path} cannot be read: {e.Message}", e);
        }
    }

    // TLS wants a key that the system's own libraries can use; one that came straight from PEM is none on every system.
    private static X509Certificate2 FromPem(string path)
    {
        using var read = X509Certificate2.CreateFromPemFile(path);
        return X509CertificateLoader.LoadPkcs12(read.Export(X509ContentType.Pkcs12), null);
    }

    private static void WriteSecret(string path, string text)
    {
        var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        using var writer = new StreamWriter(path, options);
        writer.Write(text);
    }
}
