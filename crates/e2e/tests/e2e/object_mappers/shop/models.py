"""The models of a shop: keys of every kind, relations of every kind."""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower


class Customer(models.Model):
    email = models.EmailField(unique=True)
    name = models.CharField(max_length=80)
    score = models.IntegerField(default=0)
    active = models.BooleanField(default=True)
    notes = models.JSONField(default=dict)
    tags = ArrayField(models.TextField(), default=list)
    invited_by = models.ForeignKey("self", models.SET_NULL, null=True, related_name="invited")

    class Meta:
        constraints = [models.UniqueConstraint(Lower("name"), name="customer_lower_name")]


class Product(models.Model):
    sku = models.CharField(max_length=20, unique=True)
    price = models.DecimalField(max_digits=8, decimal_places=2)
    stock = models.IntegerField()
    worth = models.GeneratedField(
        expression=F("stock") * F("price"),
        output_field=models.DecimalField(max_digits=12, decimal_places=2),
        db_persist=True,
    )


class Label(models.Model):
    name = models.CharField(max_length=20, unique=True)


class Order(models.Model):
    number = models.CharField(max_length=20, unique=True)
    customer = models.ForeignKey(Customer, models.CASCADE, related_name="orders")
    state = models.CharField(max_length=10, default="open")
    total = models.DecimalField(max_digits=10, decimal_places=2, default=0)
    placed = models.DateField()
    version = models.IntegerField(default=1)
    replaces = models.ForeignKey("self", models.SET_NULL, null=True, related_name="replaced_by")
    labels = models.ManyToManyField(Label)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["customer"], condition=Q(state="basket"), name="order_basket"),
            models.CheckConstraint(condition=Q(total__gte=0), name="order_total"),
        ]


class Line(models.Model):
    order = models.ForeignKey(Order, models.CASCADE, related_name="lines")
    product = models.ForeignKey(Product, models.PROTECT)
    number = models.IntegerField()
    pieces = models.PositiveIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["order", "number"], name="line_number")]


class Payment(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    order = models.OneToOneField(Order, models.CASCADE)
    amount = models.DecimalField(max_digits=10, decimal_places=2)
    settled = models.BooleanField()


class Shipment(models.Model):
    """The database deletes it with its order."""

    order = models.ForeignKey(Order, models.DO_NOTHING, db_constraint=False)
    carrier = models.CharField(max_length=20)
    arrived = models.BooleanField()


class Event(models.Model):
    kind = models.CharField(max_length=10)
    at = models.DateTimeField()
    payload = models.JSONField(null=True)
