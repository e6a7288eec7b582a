using System.Security.Cryptography.X509Certificates;
using G2RL.Onnx.Cluster.Contracts;
using G2RL.Onnx.Cluster.Hosting;
using G2RL.Onnx.Cluster.Workers;
using G2RL.Onnx.Configuration;

namespace G2RL.Onnx.Cluster.Tests;

[TestClass]
public sealed class TrustTests
{
    private string root = "";

    [TestInitialize]
    public void Begin() => root = Directory.CreateTempSubdirectory("g2rl-trust-").FullName;

    [TestCleanup]
    public void End() => Directory.Delete(root, recursive: true);

    [TestMethod]
    public void Members_WithCertificatesOfOneAuthority_WorkTogether()
    {
        var (authority, certificate) = LoopbackCluster.Certificates(Path.Combine(root, "ours"));
        using var cluster = new LoopbackCluster(d => d with { Authority = authority, Certificate = certificate });
        using var trainer = cluster.Trainer();
        cluster.Worker();
        Assert.AreEqual(cluster.Alone(), cluster.Draw(trainer));
        Assert.AreEqual(0, cluster.Accounts.Single().Here);
    }

    [TestMethod]
    public void Worker_WithoutOurCertificate_GetsNoWork()
    {
        var (authority, certificate) = LoopbackCluster.Certificates(Path.Combine(root, "ours"));
        var (theirs, their) = LoopbackCluster.Certificates(Path.Combine(root, "theirs"));
        using var cluster = new LoopbackCluster(d => d with { Authority = authority, Certificate = certificate });
        using var trainer = cluster.Trainer();
        cluster.Worker(change: d => d with { Authority = "", Certificate = "" }, joins: false);
        cluster.Worker(change: d => d with { Authority = theirs, Certificate = their }, joins: false);
        Assert.IsFalse(LoopbackCluster.FindsWorker(trainer, seconds: 4));
    }

    [TestMethod]
    public void Certificate_ForeignOrExpired_IsNotOurs()
    {
        var (authority, certificate) = LoopbackCluster.Certificates(Path.Combine(root, "ours"));
        var (_, foreign) = LoopbackCluster.Certificates(Path.Combine(root, "theirs"));
        using var ca = MemberCertificates.Authority(authority);
        using var own = MemberCertificates.Load(certificate, TimeProvider.System);
        using var other = MemberCertificates.Load(foreign, TimeProvider.System);
        Assert.IsTrue(MemberCertificates.IsOurs(own, ca));
        Assert.IsFalse(MemberCertificates.IsOurs(other, ca));
        // Made by our authority three days ago, for one day.
        var (_, old) = MemberCertificates.Make(Path.Combine(root, "ours"), "old", TimeSpan.FromDays(1), new Earlier(TimeSpan.Zero));
        using var expired = X509Certificate2.CreateFromPemFile(old);
        Assert.IsTrue(MemberCertificates.IsOurs(expired, ca), "valid before its time is over");
        var (agedAuthority, aged) = MemberCertificates.Make(
            Path.Combine(root, "aged"), "old", TimeSpan.FromDays(1), new Earlier(TimeSpan.FromDays(3)));
        using var agedCa = MemberCertificates.Authority(agedAuthority);
        using var over = X509Certificate2.CreateFromPemFile(aged);
        Assert.IsFalse(MemberCertificates.IsOurs(over, agedCa));
        Assert.Contains(
            "is valid from",
            Assert.ThrowsExactly<InputException>(() => MemberCertificates.Load(aged, TimeProvider.System)).Message);
    }

    [TestMethod]
    public void Worker_OfAnotherCluster_IsNotSeen()
    {
        using var cluster = new LoopbackCluster();
        using var trainer = cluster.Trainer();
        cluster.Worker(change: d => d with { ClusterId = "other" });
        Assert.IsFalse(LoopbackCluster.FindsWorker(trainer, seconds: 2));
    }

    [TestMethod]
    [DataRow(false)]
    [DataRow(true)]
    public void Worker_OfAnotherBuild_IsRefusedUnlessAllowedByName(bool allowed)
    {
        using var cluster = new LoopbackCluster(d => d with { Allow = allowed ? ["build"] : [] });
        using var trainer = cluster.Trainer();
        cluster.Worker(new WorkerSettings(null, new() { Threads = 1 }) { Claim = Passports.Here with { Build = "other" } });
        // Whoever is looked at is told of, before it is admitted or when it is refused.
        Assert.IsTrue(cluster.Hears("build", seconds: 120));
        Assert.AreEqual(allowed, LoopbackCluster.FindsWorker(trainer, seconds: allowed ? 120 : 0.2));
    }

    [TestMethod]
    public void Reply_WithOneFlippedBit_IsDoneAgain()
    {
        using var cluster = new LoopbackCluster(d => d with { GroupsPerPiece = 1 });
        using var trainer = cluster.Trainer();
        var left = 1;
        cluster.Worker(new WorkerSettings(null, new() { Threads = 1 })
        {
            Spoil = reply => Interlocked.Decrement(ref left) == 0 ? Flipped(reply, withHash: false) : reply,
        });
        Assert.AreEqual(cluster.Alone(), cluster.Draw(trainer));
        Assert.AreEqual(1, cluster.Accounts.Single().Failures);
    }

    [TestMethod]
    public void Audit_OfAWorkerThatComputesSomethingElse_EndsTheRun()
    {
        using var cluster = new LoopbackCluster(d => d with { AuditShare = 1 });
        using var trainer = cluster.Trainer();
        cluster.Worker(new WorkerSettings(null, new() { Threads = 1 }) { Spoil = reply => Flipped(reply, withHash: true) });
        var message = Assert.ThrowsExactly<InvalidOperationException>(() => cluster.Draw(trainer)).Message;
        Assert.Contains("Audit", message);
        Assert.Contains("worker-", message);
    }

    [TestMethod]
    [DataRow(WeightTransfer.Message)]
    [DataRow(WeightTransfer.File)]
    public void Weights_AfterAnUpdate_ArriveByEitherWay(WeightTransfer way)
    {
        using var cluster = new LoopbackCluster(d => d with { Weights = way });
        using var trainer = cluster.Trainer();
        cluster.Worker();
        var before = cluster.Draw(trainer);
        cluster.Update();
        var after = cluster.Draw(trainer);
        Assert.AreNotEqual(before, after);
        Assert.AreEqual(cluster.Alone(), after);
        Assert.IsGreaterThan(0, cluster.Accounts[^1].WeightBytes);
    }

    [TestMethod]
    public void Weights_WithOneFlippedBit_AreNotUsed()
    {
        using var cluster = new LoopbackCluster(d => d with { Weights = WeightTransfer.File });
        using var trainer = cluster.Trainer();
        cluster.Worker();
        _ = cluster.Draw(trainer);
        cluster.Update();
        // The file is there before the draw, and broken: it is written once for each content.
        var version = cluster.Lend(trainer);
        var file = Directory.EnumerateFiles(cluster.Distribution.WeightsFolder, "*.weights").Single();
        Assert.Contains(version, file);
        var bytes = File.ReadAllBytes(file);
        bytes[100] ^= 4;
        File.WriteAllBytes(file, bytes);
        Assert.AreEqual(cluster.Alone(), cluster.Draw(trainer), "drawn here, as no worker got whole weights");
        Assert.IsGreaterThan(0, cluster.Accounts[^1].Here);
        Assert.Contains("hash", string.Join('\n', cluster.Warnings));
    }

    [TestMethod]
    public void Endpoint_BeyondLoopback_WantsCertificates()
    {
        var config = new RunConfig { Distribution = new() { Membership = "folder:x", Listen = "0.0.0.0:0" } };
        Assert.Contains("g2rl cluster certificate", string.Join('\n', RunConfigRules.Faults(config)));
    }

    private static DrawReply Flipped(DrawReply reply, bool withHash)
    {
        var groups = reply.Groups.Select(g => g.Select(r => r with { LogProbs = [.. r.LogProbs] }).ToArray()).ToArray();
        groups[0][0].LogProbs[0] = BitConverter.Int32BitsToSingle(BitConverter.SingleToInt32Bits(groups[0][0].LogProbs[0]) ^ 1);
        return reply with { Groups = groups, Hash = withHash ? ReplyHash.Of(groups, reply.LargestLogit) : reply.Hash };
    }

    private sealed class Earlier(TimeSpan by) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => base.GetUtcNow() - by;
    }
}
